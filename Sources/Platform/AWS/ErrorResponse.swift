import Foundation

/// An error response of the Query protocol. EC2 answers `Response/Errors/Error`, STS `ErrorResponse/Error`.
struct ErrorResponse {
    let code: String
    /// The first line of the message, shortened. Further lines of `SignatureDoesNotMatch` repeat the signed header
    /// fields, the session token among them.
    let message: String
    let requestID: String?

    private static let messageCharactersMax = 300

    /// - Returns: nil where the element is no error response.
    init?(_ root: ResponseElement, credentials: AWSCredentials) {
        guard let error = root.first("Error"), let code = error.string("Code") else { return nil }
        self.code = String(credentials.removed(from: code).prefix(100))
        let line = (error.string("Message") ?? "").split(whereSeparator: \.isNewline).first ?? ""
        let message = credentials.removed(from: String(line))
        self.message =
            message.count > Self.messageCharactersMax ? "\(message.prefix(Self.messageCharactersMax))…" : message
        requestID = (root.first("RequestID") ?? root.first("RequestId")).map { String($0.text.prefix(100)) }
    }

    var isThrottling: Bool { Self.throttlingCodes.contains(code) }

    /// The clocks of the two sides may differ. EC2 answers RequestExpired for expired session tokens too.
    var mayBeClockSkew: Bool { Self.clockCodes.contains(code) }

    /// - Parameters:
    ///   - action: in the form of policies, such as `ec2:RunInstances`.
    ///   - status: of the response.
    ///   - hasSessionToken: whether the credentials are temporary.
    ///   - isClockRight: whether the time of the request was within the bounds of AWS.
    func kind(of action: String, status: Int, hasSessionToken: Bool, isClockRight: Bool) -> AWSError.Kind {
        if isThrottling { return .throttled }
        if Self.expiryCodes.contains(code) { return .credentialsExpired }
        if mayBeClockSkew, !isClockRight { return .clockSkewed }
        if code == "RequestExpired" { return hasSessionToken ? .credentialsExpired : .clockSkewed }
        if code == "RequestTimeTooSkewed" || code == "RequestInTheFuture" { return .clockSkewed }
        if Self.credentialCodes.contains(code) { return .credentialsRefused }
        if Self.policyCodes.contains(code) { return .notAuthorized(action: missingAction ?? action) }
        if Self.capacityCodes.contains(code) { return .noCapacity }
        if code.hasSuffix(".NotFound") || code == "InvalidAMIID.Unavailable" { return .notFound }
        if code.hasSuffix(".Duplicate") || code == "IdempotentParameterMismatch" { return .duplicate }
        if code == "IncorrectInstanceState" || code.hasSuffix(".InUse") || code.hasPrefix("Incorrect") {
            return .wrongState
        }
        if code.hasSuffix("LimitExceeded") || code.hasSuffix("CountExceeded") { return .limitReached }
        if status >= 500 { return .unavailable }
        if code.hasPrefix("Invalid") || code.hasPrefix("Missing") || code.hasPrefix("Unsupported")
            || code == "ValidationError" || code == "UnknownParameter"
        {
            return .invalid
        }
        return .refused
    }

    /// The action that the message names as missing, such as `iam:PassRole` for an instance profile.
    private var missingAction: String? {
        message.firstMatch(of: /not authorized to perform: ([a-z0-9-]+:[A-Za-z]+)/).map { String($0.output.1) }
    }

    private static let throttlingCodes: Set<String> = [
        "RequestLimitExceeded", "Throttling", "ThrottlingException", "ThrottledException", "RequestThrottled",
        "RequestThrottledException", "TooManyRequestsException", "EC2ThrottledException", "SlowDown",
        "BandwidthLimitExceeded", "PriorRequestNotComplete",
    ]
    private static let clockCodes: Set<String> = [
        "RequestExpired", "RequestTimeTooSkewed", "RequestInTheFuture", "SignatureDoesNotMatch",
        "InvalidSignatureException", "AuthFailure",
    ]
    private static let expiryCodes: Set<String> = ["ExpiredToken", "ExpiredTokenException"]
    private static let credentialCodes: Set<String> = [
        "AuthFailure", "InvalidClientTokenId", "SignatureDoesNotMatch", "InvalidSignatureException",
        "UnrecognizedClientException", "MissingAuthenticationToken", "IncompleteSignature", "OptInRequired",
        "InvalidAccessKeyId", "Blocked",
    ]
    private static let policyCodes: Set<String> = ["UnauthorizedOperation", "AccessDenied", "AccessDeniedException"]
    private static let capacityCodes: Set<String> = [
        "InsufficientInstanceCapacity", "InsufficientHostCapacity", "InsufficientCapacity", "SpotMaxPriceTooLow",
        "Unsupported",
    ]
}
