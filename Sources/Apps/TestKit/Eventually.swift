/// Whether a condition that other tasks or processes change becomes true within 20 seconds. It is checked every 5 ms.
/// - Throws: the errors of `condition`, and `CancellationError`.
package func eventually(_ condition: () async throws -> Bool) async throws -> Bool {
    let deadline = ContinuousClock.now + .seconds(20)
    while ContinuousClock.now < deadline {
        if try await condition() { return true }
        try await Task.sleep(for: .milliseconds(5))
    }
    return false
}
