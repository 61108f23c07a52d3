"""Operations that go wrong: each gets its one answer. A package, so that it can have a cloud of its own."""
