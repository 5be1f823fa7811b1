"""Real processes on loopback: the daemon beside a simulated ChakraHQ, which is the judge of what was sent."""
