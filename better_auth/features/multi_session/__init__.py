"""Several users signed in on one device, one of them active."""
