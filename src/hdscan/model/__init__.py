"""The values everything else speaks in: frozen, typed, without IO."""
