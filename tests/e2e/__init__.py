"""A package, so that the stack of its tests (scope `package`) ends with the last of them: idling takes CPU."""
