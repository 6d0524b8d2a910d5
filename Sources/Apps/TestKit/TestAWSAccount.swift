package import AWS
package import Base

/// Credentials of a test on the shared ``TestAWS``, and what the server does with its requests.
package struct TestAWSAccount: Sendable {
    let server: TestAWS
    /// The value of `AWS_ENDPOINT_URL`.
    package let url: String
    /// A user that may call every action of EC2.
    package let full: AWSCredentials
    /// A user that may call `Describe…` of EC2 alone.
    package let reader: AWSCredentials
    /// The session of a role that may call every action of EC2.
    package let temporary: AWSCredentials

    /// An image from which instances can be launched.
    package static let publicImage = "ami-12c6146b"

    /// The next requests of `credentials` end in this way.
    package func fail(_ faults: TestAWSFault..., for credentials: AWSCredentials? = nil) async throws {
        _ = try await server.control(
            "faults", ["key": key(of: credentials), "faults": .array(faults.map(\.json))])
    }

    /// From now on the clock of the server shows `time` to these credentials, and it refuses other times of requests.
    package func setClock(to time: Instant, for credentials: AWSCredentials? = nil) async throws {
        _ = try await server.control("clock", ["key": key(of: credentials), "time": .integer(time.seconds)])
    }

    /// The parameters of every request so far, in their order. `date` is the time that it was signed with.
    package func requests(of credentials: AWSCredentials? = nil) async throws -> [[String: String]] {
        let requests = try await server.control("requests", ["key": key(of: credentials)])
        return (requests.array ?? []).map { ($0.object ?? [:]).compactMapValues(\.string) }
    }

    private func key(of credentials: AWSCredentials?) -> JSONValue { .string((credentials ?? full).accessKeyID) }
}
