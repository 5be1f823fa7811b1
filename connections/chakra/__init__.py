"""ChakraHQ: background jobs and WhatsApp messages."""
