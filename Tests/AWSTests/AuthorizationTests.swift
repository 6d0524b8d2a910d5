import AWS
import Base
import TestKit
import Testing

/// moto checks signatures, session tokens and policies.
@Suite(.enabled(if: TestAWS.isAvailable, "moto is not installed: set GATEHOUSE_PYTHON to an interpreter that has it."))
struct AuthorizationTests {
    @Test func `the owner of right keys is known, of a session token too`() async throws {
        try await AWSFixture.with { aws in
            let user = try await aws.client.sts(in: AWSFixture.region, with: aws.account.full).callerIdentity()
            #expect(user.account == "123456789012")
            #expect(user.arn.hasPrefix("arn:aws:iam::123456789012:user/"))
            #expect(!user.userID.isEmpty)
            let session = try await aws.client.sts(in: AWSFixture.region, with: aws.account.temporary).callerIdentity()
            #expect(session.arn.hasPrefix("arn:aws:sts::123456789012:assumed-role/worker/"))
            let instances = try await aws.client.ec2(in: AWSFixture.region, with: aws.account.temporary).instances(
                [], [.tag("none", "has this")])
            #expect(instances.isEmpty)
        }
    }

    @Test func `wrong keys are refused with what to do, and no error contains one`() async throws {
        try await AWSFixture.with { aws in
            let full = aws.account.full
            let temporary = aws.account.temporary
            let wrong = [
                try AWSCredentials(
                    accessKeyID: full.accessKeyID, secretAccessKey: String(full.secretAccessKey.reversed())),
                try AWSCredentials(accessKeyID: "AKIAUNKNOWN000000000", secretAccessKey: full.secretAccessKey),
                try AWSCredentials(
                    accessKeyID: temporary.accessKeyID, secretAccessKey: temporary.secretAccessKey,
                    sessionToken: "another"),
                try AWSCredentials(accessKeyID: temporary.accessKeyID, secretAccessKey: temporary.secretAccessKey),
            ]
            for credentials in wrong {
                let sts = await awsError {
                    try await aws.client.sts(in: AWSFixture.region, with: credentials).callerIdentity()
                }
                let ec2 = await awsError {
                    try await aws.client.ec2(in: AWSFixture.region, with: credentials).instances()
                }
                for error in [sts, ec2] {
                    #expect(error?.kind == .credentialsRefused)
                    #expect(error?.isUnconfirmed == false)
                    let text = "\(error.map { "\($0)" } ?? "") \(String(reflecting: error))"
                    #expect(text.contains("Check the access key, the secret key"))
                    for key in [credentials.accessKeyID, credentials.secretAccessKey] { #expect(!text.contains(key)) }
                }
            }
            #expect(aws.pauses.all.isEmpty)
        }
    }

    @Test func `an action that the policies do not allow is named`() async throws {
        try await AWSFixture.with { aws in
            let reader = aws.client.ec2(in: AWSFixture.region, with: aws.account.reader)
            let instances = try await reader.instances([], [.tag("none", "")])
            #expect(instances.isEmpty)
            let error = await awsError { try await reader.terminate(["i-0123456789abcdef0"]) }
            #expect(error?.kind == .notAuthorized(action: "ec2:TerminateInstances"))
            #expect(error?.advice == "Allow the action ec2:TerminateInstances in a policy of these credentials.")
            let requests = try await aws.account.requests(of: aws.account.reader)
            #expect(requests.count == 2)
        }
    }

    @Test func `the sentence of EC2 names another action than the one that was called`() async throws {
        try await AWSFixture.with { aws in
            try await aws.account.fail(
                .error(
                    403, "UnauthorizedOperation",
                    "You are not authorized to perform this operation. User: arn:aws:iam::123456789012:user/a is not "
                        + "authorized to perform: iam:PassRole on resource: arn:aws:iam::123456789012:role/b because "
                        + "no identity-based policy allows the iam:PassRole action. Encoded authorization failure "
                        + "message: "
                        + String(repeating: "x", count: 2_000)),
                .error(403, "UnauthorizedOperation", "You are not authorized to perform this operation."))
            let first = await awsError { try await aws.ec2.stop(["i-1"]) }
            #expect(first?.kind == .notAuthorized(action: "iam:PassRole"))
            #expect(first?.requestID == "0a1b")
            #expect((first?.message.count ?? 0) <= 301)
            let second = await awsError { try await aws.ec2.stop(["i-1"]) }
            #expect(second?.kind == .notAuthorized(action: "ec2:StopInstances"))
        }
    }

    @Test func `a message that repeats the signed request is cut before the session token`() async throws {
        try await AWSFixture.with { aws in
            let temporary = aws.account.temporary
            let token = temporary.sessionToken ?? ""
            try await aws.account.fail(
                .response(
                    403,
                    """
                    <ErrorResponse><Error><Type>Sender</Type><Code>SignatureDoesNotMatch</Code><Message>The request
                    The Canonical String for this request should have been 'POST
                    x-amz-security-token:\(token)'</Message></Error><RequestId>1</RequestId></ErrorResponse>
                    """),
                .error(400, "InvalidParameterValue", "Value (\(token)) of \(temporary.accessKeyID) is invalid"),
                for: temporary)
            let ec2 = aws.client.ec2(in: AWSFixture.region, with: temporary)
            for kind in [AWSError.Kind.credentialsRefused, .invalid] {
                let error = await awsError { try await ec2.instances() }
                #expect(error?.kind == kind)
                let text = String(reflecting: error)
                #expect(!text.contains(token) && !text.contains(temporary.accessKeyID) && !text.contains("Canonical"))
            }
        }
    }

    @Test(arguments: [Duration.hours(2), .hours(-2), .minutes(6)])
    func `a clock that differs is corrected once, and later requests are right at once`(_ difference: Duration)
        async throws
    {
        try await AWSFixture.with { aws in
            try await aws.account.setClock(to: aws.clock.now + difference)
            for _ in 0..<2 { _ = try await aws.ec2.instances([], [.tag("none", "")]) }
            let actions = try await aws.actions()
            #expect(actions == ["DescribeInstances": 3])
            #expect(aws.pauses.all.isEmpty)
        }
    }

    @Test func `an expired session token differs from a wrong one`() async throws {
        try await AWSFixture.with { aws in
            let sts = aws.client.sts(in: AWSFixture.region, with: aws.account.temporary)
            try await aws.account.fail(
                .error(403, "ExpiredToken", "The security token included in the request is expired"),
                .error(400, "RequestExpired", "Request has expired."), for: aws.account.temporary)
            for _ in 0..<2 {
                let error = await awsError { try await sts.callerIdentity() }
                #expect(error?.kind == .credentialsExpired)
            }
            try await aws.account.fail(.error(400, "RequestExpired", "Request has expired."))
            let error = await awsError { try await aws.ec2.instances() }
            #expect(error?.kind == .clockSkewed)
            #expect(aws.pauses.all.isEmpty)
        }
    }
}
