/// A request that AWS did not fulfil, with what can be done about it. No part of it contains a key.
package struct AWSError: Error, Sendable, Hashable, CustomStringConvertible {
    package enum Kind: Sendable, Hashable {
        /// The access key is unknown or inactive, or the secret or the session token does not belong to it.
        case credentialsRefused
        /// The session token has expired.
        case credentialsExpired
        /// The clocks differ, and correcting the time of the request did not help.
        case clockSkewed
        /// The policies of the caller do not allow this action, such as `ec2:RunInstances`.
        case notAuthorized(action: String)
        case notFound
        /// An object of this name exists, or another request used this client token.
        case duplicate
        /// An object is in a state that the request does not fit, or another object uses it.
        case wrongState
        /// A parameter is missing, malformed or not supported.
        case invalid
        /// There is no spot capacity of this type in this zone now, or its price is above the maximum.
        case noCapacity
        /// A quota of the account.
        case limitReached
        /// Too many requests, also after waiting.
        case throttled
        /// AWS failed, also after repetitions.
        case unavailable
        /// No connection to AWS.
        case unreachable
        /// The response is not the one of this action: too large, no XML, or without its elements.
        case unreadable
        case cancelled
        /// Any other refusal; ``code`` tells which.
        case refused
    }

    package let kind: Kind
    /// The action in the form of policies, such as `ec2:RunInstances`.
    package let action: String
    /// The error code of AWS, such as `UnauthorizedOperation`; nil where there was no readable response.
    package let code: String?
    /// The sentence of AWS, shortened; or what is wrong with the connection or the response.
    package let message: String
    /// For AWS's support.
    package let requestID: String?
    /// Whether AWS may have done what was asked nevertheless.
    package let isUnconfirmed: Bool

    package init(
        _ kind: Kind,
        action: String,
        code: String? = nil,
        message: String,
        requestID: String? = nil,
        isUnconfirmed: Bool = false
    ) {
        self.kind = kind
        self.action = action
        self.code = code
        self.message = message
        self.requestID = requestID
        self.isUnconfirmed = isUnconfirmed
    }

    /// What the owner of the credentials, or the operator, can do: one or two sentences.
    package var advice: String {
        switch kind {
        case .credentialsRefused:
            "Check the access key, the secret key and, for temporary credentials, the session token."
        case .credentialsExpired: "The temporary credentials have expired. Request new ones."
        case .clockSkewed: "Set the clock of this server; it differs from the one of AWS."
        case .notAuthorized(let action): "Allow the action \(action) in a policy of these credentials."
        case .notFound: "Check the id and the region."
        case .duplicate: "Use another name, or the object that exists."
        case .wrongState: "Try again when the object is in the state that the action needs."
        case .invalid: "Correct the parameter that AWS names."
        case .noCapacity: "Try another instance type or availability zone, or try again later."
        case .limitReached: "Request a higher quota from AWS, or remove what is not needed any more."
        case .throttled: "Too many requests of this account. Try again in a minute."
        case .unavailable: "AWS has a failure of its own. Try again later."
        case .unreachable: "AWS cannot be reached from this server. Check its network and AWS_ENDPOINT_URL."
        case .unreadable: "The response is not one of AWS. Check AWS_ENDPOINT_URL and proxies."
        case .cancelled: "The request was cancelled."
        case .refused: "See the error code in the documentation of AWS."
        }
    }

    package var description: String {
        var text = "\(action) failed"
        if let code { text += " (\(code))" }
        text += ": \(message)"
        if let requestID { text += " [request \(requestID)]" }
        return "\(text) \(advice)"
    }
}
