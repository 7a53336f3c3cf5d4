"""Changes under review: what a preview says, told where people and workflows read it."""
