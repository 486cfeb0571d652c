//! Budgets in the memory of this process.
