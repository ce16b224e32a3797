"""One file a migration, named after the release that it came with. Once released, none is changed or removed."""
