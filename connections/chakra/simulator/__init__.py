"""A server that answers as ChakraHQ is documented to, with faults on demand."""
