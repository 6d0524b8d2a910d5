package import Base
import Foundation
package import Outbound
import Synchronization

/// Sends signed requests to services of AWS that speak the Query protocol.
///
/// Throttled and failed attempts are repeated with exponential waits and jitter; a request that is not repeatable only
/// where AWS did not execute it. A clock that differs from the one of AWS is corrected by the `Date` of its response.
package final class AWSClient: Sendable {
    package struct Settings: Sendable {
        package var endpoint: AWSEndpoint
        package var retries = RetryPolicy()
        /// Of one attempt.
        package var timeout: Duration = .seconds(15)
        /// Attempts of a check of credentials, for whose result a person waits.
        package var checkAttemptsMax = 2
        /// Of one attempt of such a check.
        package var checkTimeout: Duration = .seconds(5)
        /// A page of a thousand spot prices has about 300 kB.
        package var responseBytesMax = 4 << 20

        package init(endpoint: AWSEndpoint = .amazon) { self.endpoint = endpoint }
    }

    package let settings: Settings
    private let outbound: OutboundClient
    private let runtime: Runtime
    private let pause: @Sendable (Duration) async throws -> Void
    /// The clock of AWS less the one of this server.
    private let clockOffset = Mutex(Duration.zero)

    /// AWS accepts requests whose time differs by up to five minutes. A smaller difference is no cause of a refusal.
    static let clockDifferenceMax: Duration = .minutes(4)
    /// The wait that a response may ask for by `Retry-After`.
    static let retryAfterMax: Duration = .seconds(30)

    /// - Parameter pause: waits between attempts; tests replace it.
    package init(
        settings: Settings = Settings(),
        outbound: OutboundClient,
        runtime: Runtime,
        pause: @escaping @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) }
    ) {
        self.settings = settings
        self.outbound = outbound
        self.runtime = runtime
        self.pause = pause
    }

    /// The EC2 of a region.
    package func ec2(in region: AWSRegion, with credentials: AWSCredentials) -> EC2 {
        EC2(client: self, region: region, credentials: credentials)
    }

    /// The Security Token Service of a region.
    package func sts(in region: AWSRegion, with credentials: AWSCredentials) -> STS {
        STS(client: self, region: region, credentials: credentials)
    }

    /// Sends a request until there is a response to return, or no further attempt.
    /// - Returns: the root of the response, whose status is 2xx.
    func send(_ request: QueryRequest, in region: AWSRegion, with credentials: AWSCredentials)
        async throws(AWSError) -> ResponseElement
    {
        let attemptsMax = request.isCheck ? settings.checkAttemptsMax : settings.retries.attemptsMax
        var isClockCorrected = false
        var attempt = 1
        while true {
            let outcome = await attemptOnce(request, in: region, with: credentials)
            switch outcome {
            case .success(let root): return root
            case .correctedClock(let error):
                // It is not counted: it is done once, and AWS did not execute the request.
                guard !isClockCorrected else { throw error }
                isClockCorrected = true
            case .failure(let error): throw error
            case .retry(let error, let atLeast):
                guard attempt < attemptsMax, request.isRepeatable || !error.isUnconfirmed else {
                    throw error
                }
                let wait = settings.retries.wait(after: attempt, random: runtime.randomBytes(8))
                attempt += 1
                do { try await pause(max(wait, atLeast)) } catch {
                    throw AWSError(.cancelled, action: request.policyAction, message: "The wait was cancelled.")
                }
            }
        }
    }

    private enum Outcome {
        case success(ResponseElement)
        case correctedClock(AWSError)
        case retry(AWSError, atLeast: Duration)
        case failure(AWSError)
    }

    private func attemptOnce(_ request: QueryRequest, in region: AWSRegion, with credentials: AWSCredentials)
        async -> Outcome
    {
        let response: OutboundResponse
        let action = request.policyAction
        do throws(OutboundFailure) {
            response = try await outbound.send(signed(request, in: region, with: credentials))
        } catch {
            return outcome(of: error, action)
        }
        let root: ResponseElement
        do throws(ResponseReader.Failure) { root = try ResponseReader.read(response.body) } catch {
            return outcome(of: error, response, action)
        }
        if (200..<300).contains(response.status) { return .success(root) }
        guard let refusal = ErrorResponse(root, credentials: credentials) else {
            return outcome(of: .malformed, response, action)
        }
        return outcome(of: refusal, response, action, credentials)
    }

    private func signed(_ request: QueryRequest, in region: AWSRegion, with credentials: AWSCredentials)
        -> OutboundRequest
    {
        let time = runtime.now() + clockOffset.withLock { $0 }
        let body = request.body
        var headers = [
            (name: "Host", value: settings.endpoint.host(of: request.service, in: region)),
            (name: "Content-Type", value: "application/x-www-form-urlencoded; charset=utf-8"),
            (name: "X-Amz-Date", value: RequestSignature.timestamp(time)),
        ]
        if let token = credentials.sessionToken { headers.append((name: "X-Amz-Security-Token", value: token)) }
        let signature = RequestSignature(
            of: RequestSignature.Request(method: "POST", path: "/", headers: headers, body: body),
            with: credentials, service: request.service, region: region.name, at: time)
        headers.append((name: "Authorization", value: signature.authorization))
        headers.append((name: "User-Agent", value: "gatehouse"))
        return OutboundRequest(
            "POST",
            settings.endpoint.url(of: request.service, in: region) + "/",
            headers: headers,
            body: .bytes(body),
            timeout: request.isCheck ? settings.checkTimeout : settings.timeout,
            responseBytesMax: settings.responseBytesMax)
    }

    // MARK: Outcomes

    private func outcome(of failure: OutboundFailure, _ action: String) -> Outcome {
        func error(_ kind: AWSError.Kind, _ message: String) -> AWSError {
            AWSError(kind, action: action, message: message, isUnconfirmed: failure.isUnconfirmed)
        }
        switch failure.kind {
        case .cancelled: return .failure(error(.cancelled, "The request was cancelled."))
        case .tooLarge:
            return .failure(error(.unreadable, "The response has more than \(settings.responseBytesMax) bytes."))
        case .unreachable, .timedOut, .broken:
            return .retry(error(.unreachable, "No response: \(failure)."), atLeast: .zero)
        }
    }

    /// A response without readable XML: of a proxy, of a failing server, or cut off.
    private func outcome(of failure: ResponseReader.Failure, _ response: OutboundResponse, _ action: String) -> Outcome
    {
        func error(_ kind: AWSError.Kind, _ message: String) -> AWSError {
            AWSError(kind, action: action, message: message, isUnconfirmed: true)
        }
        let status = response.status
        if status == 429 {
            return .retry(error(.throttled, "Status 429."), atLeast: retryAfter(response))
        }
        if status >= 500 {
            return .retry(error(.unavailable, "Status \(status) without an error code."), atLeast: retryAfter(response))
        }
        let reason =
            switch failure {
            case .notUTF8: "it is not UTF-8"
            case .documentType: "it has a document type"
            case .tooDeep: "its elements are nested deeper than \(ResponseReader.depthMax) levels"
            case .tooManyElements: "it has more than \(ResponseReader.elementsMax) elements"
            case .malformed: "it is no XML of the Query protocol"
            }
        return .failure(error(.unreadable, "The response with status \(status) cannot be read: \(reason)."))
    }

    private func outcome(
        of refusal: ErrorResponse, _ response: OutboundResponse, _ action: String, _ credentials: AWSCredentials
    ) -> Outcome {
        let offset = refusal.mayBeClockSkew ? clockOffset(by: response) : nil
        let isClockRight = offset.map { isNear($0) } ?? true
        let kind = refusal.kind(
            of: action, status: response.status, hasSessionToken: credentials.sessionToken != nil,
            isClockRight: isClockRight)
        let error = AWSError(
            kind,
            action: action,
            code: refusal.code,
            message: refusal.message.isEmpty ? "AWS gave no reason." : refusal.message,
            requestID: refusal.requestID,
            isUnconfirmed: kind == .unavailable)
        switch kind {
        case .clockSkewed:
            guard let offset, !isClockRight else { return .failure(error) }
            clockOffset.withLock { $0 = offset }
            return .correctedClock(error)
        case .throttled, .unavailable: return .retry(error, atLeast: retryAfter(response))
        default: return .failure(error)
        }
    }

    /// How far the `Date` of a response is ahead of the clock of this server; nil without a readable one.
    private func clockOffset(by response: OutboundResponse) -> Duration? {
        response[header: "Date"].flatMap(Instant.init(httpDate:)).map { $0 - runtime.now() }
    }

    /// Whether requests are already sent with this offset, or one that AWS does not tell from it.
    private func isNear(_ offset: Duration) -> Bool {
        abs((offset - clockOffset.withLock { $0 }).microseconds) <= Self.clockDifferenceMax.microseconds
    }

    private func retryAfter(_ response: OutboundResponse) -> Duration {
        guard let seconds = response[header: "Retry-After"].flatMap({ Int64($0) }), seconds > 0 else { return .zero }
        return min(.seconds(seconds), Self.retryAfterMax)
    }
}
