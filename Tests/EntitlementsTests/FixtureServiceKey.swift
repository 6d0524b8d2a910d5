import TestKit

/// The service key of a fixture, created with its first use.
actor FixtureServiceKey {
    private var creation: Task<TestServiceKey, any Error>?

    /// Concurrent callers get the same key.
    func key(in app: TestApp) async throws -> TestServiceKey {
        if let creation { return try await creation.value }
        let creation = Task { try await app.serviceKey() }
        self.creation = creation
        return try await creation.value
    }
}
