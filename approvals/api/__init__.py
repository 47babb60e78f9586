"""Change requests through REST: file, follow, ask the gate. Deciding and signing need two components and stay on the pages."""
