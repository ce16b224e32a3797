"""`breakeven label`: a page on which people label records, by the keyboard."""
