import Base
import Foundation
import NIOCore
import Outbound

/// Sends requests to the service of a model, repeats attempts that failed, and gives errors their kinds.
final class ModelTransport: Sendable {
    let upstream: ModelUpstream
    private let settings: ModelClientSettings
    private let outbound: OutboundClient
    private let runtime: Runtime
    private let pause: @Sendable (Duration) async throws -> Void

    /// The longest body of a refusal that is read, in bytes.
    private static let refusalBytesMax = 64 << 10

    init(
        upstream: ModelUpstream, settings: ModelClientSettings, runtime: Runtime,
        pause: @escaping @Sendable (Duration) async throws -> Void
    ) {
        self.upstream = upstream
        self.settings = settings
        self.runtime = runtime
        self.pause = pause
        var bounds = OutboundClient.Settings()
        bounds.connectionsPerHost = settings.connectionsMax
        bounds.connectTimeout = settings.connectTimeout
        // An answer that is not streamed begins when it is complete. Streams have a timer of their own.
        bounds.idleTimeout = .minutes(10)
        bounds.tracer = settings.tracer
        outbound = OutboundClient(bounds)
    }

    /// A request of the API, without the settings of one attempt.
    struct Request: Sendable {
        /// What follows the base URL.
        let path: String
        /// With the key.
        let headers: [(name: String, value: String)]
        let body: [UInt8]
        let deadline: ContinuousClock.Instant

        init(_ path: String, headers: [(name: String, value: String)], body: JSONValue, timeout: Duration)
            throws(ModelError)
        {
            self.path = path
            self.headers = headers + [(name: "Content-Type", value: "application/json")]
            deadline = .now + timeout
            do { self.body = Array(try JSONEncoder().encode(body)) } catch {
                throw ModelError(.refused, "The request is no JSON: a number is not finite.")
            }
        }
    }

    /// - Returns: the body of a response with status 200.
    func send(_ details: Request) async throws(ModelError) -> JSONValue {
        do {
            return try await repeating(details) {
                var request = request(details, accept: "application/json")
                request.timeout = details.deadline - .now
                request.responseBytesMax = settings.responseBytesMax
                let response = try await outbound.send(request)
                guard response.status == 200 else { throw refusal(response) }
                return try Self.parsed(response.body)
            }
        } catch {
            throw Self.error(of: error) ?? .malformed("\(error)")
        }
    }

    /// Reads the events of a stream until the decoder is complete.
    /// - Parameter decoder: of one attempt. There is no other attempt after a part was handed on.
    /// - Throws: ``ModelError``; what `use` throws.
    func stream(
        _ details: Request, _ decoder: any ModelStreamDecoder,
        _ use: @escaping @Sendable (ModelEvent) async throws -> Void
    ) async throws -> ModelResponse {
        let counted = CountedUsage()
        do {
            return try await repeating(details) {
                let timer = IdleTimer(first: settings.firstTokenTimeout, deadline: details.deadline)
                return try await timer.watch { [self] in try await read(details, decoder, timer, counted, use) }
            }
        } catch {
            guard var error = Self.error(of: error) else { throw error }
            error.usage = counted.value
            throw error
        }
    }

    private func read(
        _ details: Request, _ decoder: any ModelStreamDecoder, _ timer: IdleTimer, _ counted: CountedUsage,
        _ use: @Sendable (ModelEvent) async throws -> Void
    ) async throws -> ModelResponse {
        var decoder = decoder
        do {
            return try await read(details, &decoder, timer, counted, use)
        } catch {
            guard var error = Self.error(of: error), decoder.answer.hasBegun else { throw error }
            if error.kind == .unreachable { error = ModelError(.interrupted, "The answer broke off.") }
            error.isRepeatable = false
            throw error
        }
    }

    private func read(
        _ details: Request, _ decoder: inout any ModelStreamDecoder, _ timer: IdleTimer, _ counted: CountedUsage,
        _ use: @Sendable (ModelEvent) async throws -> Void
    ) async throws -> ModelResponse {
        var request = request(details, accept: "text/event-stream")
        request.timeout = settings.firstTokenTimeout
        let stream = try await outbound.open(request)
        guard stream.status == 200 else {
            let body = try await stream.collect(upTo: Self.refusalBytesMax)
            throw refusal(OutboundResponse(status: stream.status, headers: stream.headers, body: body))
        }
        var reader = ServerSentEventReader(eventBytesMax: settings.eventBytesMax)
        var bytesLeft = settings.responseBytesMax
        try await stream.read { chunk in
            bytesLeft -= chunk.readableBytes
            guard bytesLeft >= 0 else { throw ModelError.malformed("it has too many bytes") }
            timer.pause()
            let events: [ServerSentEvent]
            do { events = try reader.read(chunk.readableBytesView) } catch {
                throw ModelError.malformed("an event has too many bytes")
            }
            for event in events where !decoder.isComplete {
                let parts = try decoder.read(event)
                counted.value = decoder.answer.usage
                for part in parts { try await use(part) }
            }
            timer.wait(decoder.answer.hasBegun ? settings.idleTimeout : settings.firstTokenTimeout)
            return !decoder.isComplete
        }
        guard let response = decoder.answer.response else {
            throw ModelError(.interrupted, "The answer ended in the middle.", isRepeatable: true)
        }
        return response
    }

    // MARK: Attempts

    private func repeating<Result>(_ details: Request, _ attempt: () async throws -> Result) async throws -> Result {
        var failures = 0
        while true {
            do {
                return try await attempt()
            } catch {
                guard let error = Self.error(of: error) else { throw error }
                failures += 1
                let wait = max(
                    settings.retries.wait(after: failures, random: runtime.randomBytes(8)), error.retryAfter ?? .zero)
                guard error.isRepeatable, failures < settings.retries.attemptsMax, wait <= settings.waitMax,
                    .now + wait < details.deadline
                else { throw error }
                try await pause(wait)
            }
        }
    }

    private func request(_ details: Request, accept: String) -> OutboundRequest {
        OutboundRequest(
            "POST", upstream.baseURL + details.path,
            headers: details.headers + [(name: "Accept", value: accept), (name: "User-Agent", value: "gatehouse")],
            body: .bytes(details.body))
    }

    // MARK: Errors

    private static func parsed(_ body: [UInt8]) throws(ModelError) -> JSONValue {
        do { return try JSONValue(parsing: body) } catch { throw .malformed("it is not JSON: \(error)") }
    }

    private func refusal(_ response: OutboundResponse) -> ModelError {
        let error = (try? JSONValue(parsing: response.body))?["error"]
        return ModelError(
            status: response.status, error: error, retryAfter: retryAfter(response),
            shouldRetry: response[header: "x-should-retry"], key: upstream.key)
    }

    /// The wait that the response asks for, in the forms that the official clients read: milliseconds, seconds, a date.
    private func retryAfter(_ response: OutboundResponse) -> Duration? {
        if let wait = response[header: "retry-after-ms"].flatMap(Double.init), wait.isFinite, wait >= 0 {
            return .milliseconds(Int64(min(wait, 1e9)))
        }
        guard let text = response[header: "Retry-After"] else { return nil }
        if let seconds = Double(text) {
            return seconds.isFinite && seconds >= 0 ? .milliseconds(Int64(min(seconds, 1e6) * 1_000)) : nil
        }
        return Instant(httpDate: text).map { max($0 - runtime.now(), .zero) }
    }

    /// Nil for an error of the caller's.
    private static func error(of error: any Error) -> ModelError? {
        switch error {
        case let error as ModelError: error
        case is IdleTimer.Passed: ModelError(.timedOut, "The model's service did not answer in time.")
        case is CancellationError: ModelError(.cancelled, "The request was cancelled.")
        case let failure as OutboundFailure:
            switch failure.kind {
            case .cancelled: ModelError(.cancelled, "The request was cancelled.")
            case .timedOut: ModelError(.timedOut, "The model's service did not answer in time.")
            case .tooLarge: .malformed("it has too many bytes")
            case .unreachable, .broken:
                ModelError(.unreachable, "No response: \(failure).", isRepeatable: true)
            }
        default: nil
        }
    }
}

extension ModelError {
    /// Of a sentence of a service, in characters.
    private static let messageCharactersMax = 300

    /// - Parameters:
    ///   - status: of the response; nil for an error in a stream.
    ///   - error: the member `error` of the body, the same in both APIs.
    ///   - shouldRetry: what the service says about it: `true` or `false`.
    init(status: Int?, error: JSONValue?, retryAfter: Duration? = nil, shouldRetry: String? = nil, key: ModelKey?) {
        let codes = [error?["type"]?.string, error?["code"]?.string].compactMap { $0 }
        let kind = Self.kind(status: status, codes: codes)
        // The quota of a month does not come back with a wait.
        let isTransient = [.rateLimited, .overloaded].contains(kind) && !codes.contains("insufficient_quota")
        let sentence = error?["message"]?.string ?? error?.string ?? "it gave no reason"
        let line = sentence.split(whereSeparator: \.isNewline).first.map(String.init) ?? ""
        self.init(
            kind,
            // A message about a key repeats parts of it.
            kind == .unauthorized
                ? "The model's service does not accept the key for this request."
                : String((key?.removed(from: line) ?? line).prefix(Self.messageCharactersMax)),
            status: status, retryAfter: retryAfter, isRepeatable: shouldRetry.map { $0 == "true" } ?? isTransient)
    }

    private static func kind(status: Int?, codes: [String]) -> Kind {
        guard let status else { return kind(codes: codes) }
        return switch status {
        case 401, 403: .unauthorized
        case 429: .rateLimited
        // A request that took too long to send, and a conflict of the service's own.
        case 408, 409, 500...: .overloaded
        case 300..<500: .refused
        default: .malformed
        }
    }

    /// Of an error in a stream, which has no status.
    private static func kind(codes: [String]) -> Kind {
        if codes.contains(where: { $0.hasPrefix("rate_limit") }) { return .rateLimited }
        if codes.contains(where: { ["authentication_error", "permission_error"].contains($0) }) {
            return .unauthorized
        }
        return codes.contains { $0.contains("invalid") || $0.contains("not_found") } ? .refused : .overloaded
    }
}
