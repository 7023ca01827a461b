"""One module for each way to say who one is; the setting ``AUTHENTICATORS`` lists those in force."""
