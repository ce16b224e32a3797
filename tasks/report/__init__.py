"""The monthly break-even report as people receive it: a page, Markdown, JSON and pictures of one month's figures.

All of it is pure: a `MonthReport` goes in, text and bytes come out.
"""
