"""What an error, or no reply, says: codes, refused fields, delays; an error inside a reply with status 200."""
