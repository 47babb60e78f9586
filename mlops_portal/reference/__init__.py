"""The generated reference under docs/reference/. It sees every app, so it stands at the roof."""
