"""A request is checked, then a run is opened, or resumed."""
