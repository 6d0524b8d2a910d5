import AWS
import Modules
import Secrets

/// The AWS of sessions, by their own credentials.
final class CloudService: Sendable {
    /// Nil where the installation has no AWS.
    private let client: AWSClient?
    private let fernet: Fernet
    private let runtime: Runtime

    init(client: AWSClient?, fernet: Fernet, runtime: Runtime) {
        self.client = client
        self.fernet = fernet
        self.runtime = runtime
    }

    /// Asks AWS whose credentials these are.
    /// - Returns: the account; nil where AWS cannot be reached.
    /// - Throws: `aws-credentials-refused`.
    func account(of credentials: AWSCredentials, in region: AWSRegion) async throws(Problem) -> String? {
        guard let client else { return nil }
        do throws(AWSError) {
            return try await client.sts(in: region, with: credentials).callerIdentity().account
        } catch {
            guard error.refusesCredentials else { return nil }
            throw .refused(error)
        }
    }

    func seal(_ credentials: AWSCredentials, of session: ID<SandboxSession>) throws(Problem) -> String {
        try Problem.rethrowing { try SealedCredentials.seal(credentials, of: session, fernet, runtime) }
    }

    /// - Returns: nil where the installation has no AWS, or the credentials cannot be opened.
    func ec2(of session: SandboxSession) -> EC2? {
        guard let client, let region = AWSRegion(session.region),
            let credentials = try? SealedCredentials.open(of: session, fernet)
        else { return nil }
        return client.ec2(in: region, with: credentials)
    }
}
