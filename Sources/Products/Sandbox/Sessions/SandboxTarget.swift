import AWS
import Modules
import SpotDecisions

/// The validated parts of a request for a session.
struct SandboxTarget: Sendable {
    let instance: String
    let pool: SpotPool
    let region: AWSRegion
    let credentials: AWSCredentials
    let lifetime: Duration

    static let defaultRegion = "ap-south-1"
    static let defaultHours: Int64 = 2

    /// - Throws: `validation-failed` with every fault.
    init(_ request: CreateSandboxSession) throws(Problem) {
        var faults: [Problem.Fault] = []
        let region = AWSRegion(request.awsRegion ?? Self.defaultRegion)
        if region == nil { faults.append(.init("/aws_region", "is no region of AWS")) }
        if !Self.isInstanceID(request.instanceId) {
            faults.append(.init("/instance_id", "must be the id of an instance, such as i-0123456789abcdef0"))
        }
        let pool = SpotPool(request.instanceType, request.availabilityZone)
        faults += Self.faults(in: pool, region: region?.name)
        var credentials: AWSCredentials?
        do throws(AWSCredentials.Fault) {
            credentials = try AWSCredentials(
                accessKeyID: request.awsAccessKey, secretAccessKey: request.awsSecretKey,
                sessionToken: request.awsSessionToken)
        } catch {
            let pointer =
                switch error {
                case .accessKeyID: "/aws_access_key"
                case .secretAccessKey: "/aws_secret_key"
                case .sessionToken: "/aws_session_token"
                }
            faults.append(.init(pointer, "\(error)"))
        }
        guard faults.isEmpty, let region, let credentials else { throw .invalid(faults) }
        instance = request.instanceId
        self.pool = pool
        self.region = region
        self.credentials = credentials
        lifetime = .hours(request.ttlHours ?? Self.defaultHours)
    }

    /// - Parameter region: nil does not compare the region of the zone.
    static func faults(in pool: SpotPool, region: String?) -> [Problem.Fault] {
        var faults: [Problem.Fault] = []
        if InstanceTypes.embedded[pool.instanceType] == nil {
            faults.append(.init("/instance_type", "is no known instance type"))
        }
        let letter = pool.availabilityZone.utf8.last ?? 0
        // No region of AWS has more than six zones.
        if !(UInt8(ascii: "a")...UInt8(ascii: "f")).contains(letter)
            || AWSRegion(String(pool.availabilityZone.dropLast())) == nil
        {
            faults.append(.init("/availability_zone", "is no availability zone, such as ap-south-1a"))
        } else if let region, pool.availabilityZone.dropLast() != region {
            faults.append(.init("/availability_zone", "is not in the region \(region)"))
        }
        return faults
    }

    /// `i-` and 8 or 17 hexadecimal digits.
    static func isInstanceID(_ text: String) -> Bool {
        text.hasPrefix("i-") && [10, 19].contains(text.utf8.count)
            && text.utf8.dropFirst(2).allSatisfy { byte in
                (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                    || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
            }
    }
}
