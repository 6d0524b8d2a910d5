import Synchronization

/// Runs work for a bounded time. Work that ignores its cancellation goes on, without its result.
enum Deadline {
    struct Passed: Error {}

    /// - Throws: ``Passed`` after `limit`; else what `work` throws.
    static func run<Value: Sendable>(
        within limit: Duration, _ work: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        let first = FirstResult<Value>()
        let working = Task {
            do { first.resume(.success(try await work())) } catch { first.resume(.failure(error)) }
        }
        let timing = Task {
            guard (try? await Task.sleep(for: limit)) != nil else { return }
            first.resume(.failure(Passed()))
        }
        defer {
            working.cancel()
            timing.cancel()
        }
        return try await withCheckedThrowingContinuation { first.wait($0) }
    }
}

/// The first of several results, for one continuation.
private final class FirstResult<Value: Sendable>: Sendable {
    typealias Continuation = CheckedContinuation<Value, any Error>

    private enum State {
        case empty
        case waiting(Continuation)
        case early(Result<Value, any Error>)
        case done
    }

    private let state = Mutex(State.empty)

    func wait(_ continuation: Continuation) {
        let result: Result<Value, any Error>? = state.withLock { state in
            guard case .early(let result) = state else {
                state = .waiting(continuation)
                return nil
            }
            state = .done
            return result
        }
        if let result { continuation.resume(with: result) }
    }

    func resume(_ result: Result<Value, any Error>) {
        let continuation: Continuation? = state.withLock { state in
            switch state {
            case .empty:
                state = .early(result)
                return nil
            case .waiting(let continuation):
                state = .done
                return continuation
            case .early, .done: return nil
            }
        }
        continuation?.resume(with: result)
    }
}
