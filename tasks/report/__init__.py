"""The monthly break-even report: its inputs are read, its versions kept, and it is written as page, Markdown, JSON and pictures.

What makes a document takes a `MonthReport` and returns text and bytes.
"""
