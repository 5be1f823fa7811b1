"""The demo: a simulated ChakraHQ and a real daemon as processes of their own, and what a newcomer sees of them."""
