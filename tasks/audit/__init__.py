"""Of what is served without the API, a random share is asked there as well: how often both agree."""
