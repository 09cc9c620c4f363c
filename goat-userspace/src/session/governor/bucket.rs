//! A token bucket: what may be spent at once, and what is owed.

/// Nanoseconds of CPU time to spend. Below zero they are owed.
pub(super) struct Bucket {
    tokens: f64,
    capacity: f64,
}

impl Bucket {
    pub(super) fn full(capacity: f64) -> Self {
        Self { tokens: capacity, capacity }
    }

    /// Changes how much it holds. What is above runs over.
    pub(super) fn resize(&mut self, capacity: f64) {
        self.capacity = capacity;
        self.tokens = self.tokens.min(capacity);
    }

    pub(super) fn fill(&mut self, tokens: f64) {
        self.tokens = (self.tokens + tokens).min(self.capacity);
    }

    pub(super) fn take(&mut self, tokens: f64) {
        self.tokens -= tokens;
    }

    pub(super) fn tokens(&self) -> f64 {
        self.tokens
    }

    pub(super) fn capacity(&self) -> f64 {
        self.capacity
    }

    pub(super) fn is_empty(&self) -> bool {
        self.tokens <= 0.0
    }

    /// What is owed, by what it holds.
    pub(super) fn debt(&self) -> f64 {
        if self.capacity > 0.0 { (-self.tokens / self.capacity).max(0.0) } else { f64::INFINITY }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_holds_so_much_and_owes_any_amount() {
        let mut bucket = Bucket::full(10.0);
        let check = |bucket: &Bucket, tokens, is_empty, debt| {
            assert_eq!((bucket.tokens(), bucket.is_empty(), bucket.debt()), (tokens, is_empty, debt));
        };
        bucket.fill(5.0);
        check(&bucket, 10.0, false, 0.0);
        bucket.take(25.0);
        check(&bucket, -15.0, true, 1.5);
        bucket.fill(20.0);
        check(&bucket, 5.0, false, 0.0);
        bucket.resize(4.0);
        check(&bucket, 4.0, false, 0.0);
        assert_eq!(Bucket::full(0.0).debt(), f64::INFINITY);
    }
}
