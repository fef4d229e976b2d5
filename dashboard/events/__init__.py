"""Events of applications: what they bring, when they send something, and what became of each that was received."""
