import Foundation
import GoalGraphs
import Modules
import Outbound
import Secrets

/// Sends a request to a URL that the user has named. Addresses of private networks are not reached, whatever a name or
/// a redirect says (``UserURLClient``).
final class HTTPRequestExecutor: ToolExecutor {
    let tool = Tool.httpRequest
    let lane = JobLane.outbound
    private let client: UserURLClient
    private let effects: EffectService

    private static let timeout = Duration.seconds(30)
    private static let responseBytesMax = StepService.outputBytesMax
    private static let redirectsMax = 5
    /// RFC 9110, sections 9.2.1 and 9.2.2. Safe requests are not written down.
    private static let safeMethods: Set = ["GET", "HEAD"]
    private static let repeatableMethods: Set = ["PUT", "DELETE"]

    init(client: UserURLClient, effects: EffectService) {
        self.client = client
        self.effects = effects
    }

    func run(_ run: StepRun) async throws -> ToolResult {
        let method = run.text("method") ?? "GET"
        let url: UserURL
        do { url = try UserURL(try run.requiredText("url")) } catch let fault as UserURL.Fault {
            throw StepFailure(.toolError, fault.description)
        }
        let body = run.text("body").map { Array($0.utf8) }
        var request = UserURLRequest(
            method, url, headers: [("User-Agent", "Gatehouse")], body: body, timeout: Self.timeout,
            responseBytesMax: Self.responseBytesMax, redirectsMax: Self.redirectsMax)
        if body != nil { request.headers.append(("Content-Type", try Self.contentType(of: run))) }
        guard !Self.safeMethods.contains(method) else { return .output(try await response(to: request)) }
        let digest = Digest.hex("\(method) \(url) \(run.text("body") ?? "")")
        let isRepeatable = Self.repeatableMethods.contains(method)
        switch try await effects.begin(run, kind: "http_request", digest: digest, isRepeatable: isRepeatable) {
        case .done(let output): return .effected(output)
        case .send(let effect):
            request.headers.append(("Idempotency-Key", effect.key))
            do {
                let output = try await response(to: request)
                try await effects.complete(effect, output)
                return .effected(output)
            } catch let failure as StepFailure {
                let isUnconfirmed = !isRepeatable && [.unknown, .timeout].contains(failure.kind)
                try await effects.fail(effect, isUnconfirmed: isUnconfirmed || failure.hasTakenEffect)
                throw isUnconfirmed && !failure.hasTakenEffect ? EffectService.unconfirmed : failure
            }
        }
    }

    /// - Throws: ``StepFailure``: `transient` and `policy_violation` where nothing has happened elsewhere, or where the
    ///   method is safe.
    private func response(to request: UserURLRequest) async throws -> NodeOutput {
        let response: OutboundResponse
        do { response = try await client.send(request) } catch { throw Self.failure(error, of: request) }
        guard (200..<300).contains(response.status) else {
            let text = "The service answered with the status \(response.status)."
            // A redirect is the answer to a request that was carried out (RFC 9110, section 15.4.4), or may have been.
            if (300..<400).contains(response.status), !Self.safeMethods.contains(request.method) {
                throw StepFailure.afterEffect(.toolError, text)
            }
            throw StepFailure(Self.kind(of: response.status, request.method), text)
        }
        do throws(StepFailure) {
            // It is stored with the effect. What is no UTF-8 grows by the decoding.
            let text = try StepService.storable(String(decoding: response.body, as: UTF8.self))
            return NodeOutput(text: text, status: response.status)
        } catch {
            throw Self.safeMethods.contains(request.method) ? error : .afterEffect(error.kind, error.text)
        }
    }

    private static func failure(_ failure: UserURLFailure, of request: UserURLRequest) -> StepFailure {
        switch failure {
        case .notAllowed: StepFailure(.policyViolation, failure.description)
        case .unknownHost, .badRedirect: StepFailure(.toolError, failure.description)
        case .overloaded: StepFailure(.transient, failure.description)
        case .failed(.timedOut): StepFailure(.timeout, failure.description)
        case .failed(.unreachable): StepFailure(.transient, failure.description)
        // The same response would follow again.
        case .failed(.tooLarge) where mayRepeat(request.method):
            StepFailure(.resourceExhaustion, failure.description)
        case .failed: StepFailure(mayRepeat(request.method) ? .transient : .unknown, failure.description)
        }
    }

    /// A service that answers 429 or 503 has refused the work; after another error it may have done it.
    private static func kind(of status: Int, _ method: String) -> StepFailure.Kind {
        if status == 429 || status == 503 { return .transient }
        guard status >= 500 else { return .toolError }
        return mayRepeat(method) ? .transient : .unknown
    }

    private static func mayRepeat(_ method: String) -> Bool {
        safeMethods.contains(method) || repeatableMethods.contains(method)
    }

    /// - Throws: ``StepFailure`` for text that would end its header line.
    private static func contentType(of run: StepRun) throws(StepFailure) -> String {
        let type = run.text("content_type") ?? "text/plain; charset=utf-8"
        guard type.utf8.allSatisfy({ (0x20...0x7E).contains($0) }) else {
            throw StepFailure(.toolError, "The argument 'content_type' is no media type.")
        }
        return type
    }
}
