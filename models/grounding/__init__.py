"""Whether a text states a value: texts brought to one form, taken apart at the borders of words and numbers, and read for denials."""
