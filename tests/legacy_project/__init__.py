"""A Django project that signs people in by itself: simplejwt, REST framework's tokens, Django's sessions."""
