package rules

// Advice lists, in words, what an administrator may not have meant. It never
// stands in the way of saving.
func (p Pattern) Advice() []string { return nil }
