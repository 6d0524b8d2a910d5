/// Who the owner of credentials is.
package struct CallerIdentity: Sendable, Hashable {
    /// 12 digits.
    package let account: String
    /// Such as `arn:aws:iam::123456789012:user/name`.
    package let arn: String
    package let userID: String
}

/// The Security Token Service.
package struct STS: Sendable {
    let client: AWSClient
    let region: AWSRegion
    let credentials: AWSCredentials

    /// Checks the credentials. No policy can refuse this action. Without a connection it fails within seconds.
    package func callerIdentity() async throws(AWSError) -> CallerIdentity {
        let request = QueryRequest(service: "sts", version: "2011-06-15", action: "GetCallerIdentity", isCheck: true)
        let root = try await client.send(request, in: region, with: credentials)
        guard let result = root["GetCallerIdentityResult"], let account = result.string("Account"),
            let arn = result.string("Arn"), let userID = result.string("UserId")
        else { throw .unreadable(request, "GetCallerIdentityResult") }
        return CallerIdentity(account: account, arn: arn, userID: userID)
    }
}

extension AWSError {
    /// - Parameter element: of the response, which is missing or has another form.
    static func unreadable(_ request: QueryRequest, _ element: String) -> AWSError {
        AWSError(
            .unreadable, action: request.policyAction, message: "The response has no valid \(element).",
            isUnconfirmed: true)
    }
}
