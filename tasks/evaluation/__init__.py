"""An evaluation: the labels it is asked with, and what it found as people and programs receive it."""
