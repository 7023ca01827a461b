"""For projects with django-otp: our second factors among its devices, and our sessions verified by them."""
