import AWS
import Modules

/// One attempt to remove from AWS what a session has made. Each thing is removed by itself, so that one that AWS
/// refuses keeps no other.
struct SessionRemoval {
    private let session: SandboxSession
    private let ec2: EC2

    /// The ids of what is removed.
    private(set) var removed: [String] = []
    /// The ids of replacements that stay, because the original instance does not exist any more.
    private(set) var kept: [String] = []
    /// Why something remains.
    private(set) var faults: [AWSError] = []
    /// Whether AWS is not ready for it yet.
    private(set) var isWaiting = false

    /// Reasons in one report.
    private static let reasonsMax = 5

    init(_ session: SandboxSession, _ ec2: EC2) {
        self.session = session
        self.ec2 = ec2
    }

    /// What AWS refused, in sentences; nil where it refused nothing.
    var reason: String? {
        var sentences: [String] = []
        for fault in faults {
            let sentence = "\(fault.message) \(fault.advice)"
            if !sentences.contains(sentence) { sentences.append(sentence) }
        }
        return sentences.isEmpty ? nil : sentences.prefix(Self.reasonsMax).joined(separator: " ")
    }

    /// Whether no further attempt with these credentials can succeed.
    var isFinal: Bool { faults.contains(where: \.endsCredentials) }

    /// - Parameter startsOriginal: whether a move has stopped the original instance.
    mutating func run(startsOriginal: Bool) async {
        let (session, ec2, removal) = (session, ec2, CloudRemoval(ec2: ec2))
        // By the tag, so that what a lost response did not report is found too.
        let tag = [EC2Filter.tag(SandboxTag.sessionKey, session.id.text)]
        var (restart, keepsReplacement) = (CloudRemoval.Restart?.none, false)
        if startsOriginal {
            restart = await attempt { () throws(AWSError) in try await removal.restart(session.originalInstance) }
            isWaiting = restart == .stopping
            // The replacement is the only one that does the work.
            keepsReplacement = restart != .running
        }
        let instances = await attempt { () throws(AWSError) in try await ec2.instances([], tag) }
        for instance in instances ?? [] {
            // Where a move was not rolled back completely, the session has the original instance as its target.
            let isReplacement = instance.id == session.instance || session.instance == session.originalInstance
            if keepsReplacement, isReplacement, !instance.isGone {
                if restart == .gone { kept.append(instance.id) }
                continue
            }
            if await attempt({ () throws(AWSError) in try await removal.terminate([instance]) }) != nil {
                removed.append(instance.id)
            }
        }
        var used: Set<String> = []
        let images = await attempt { () throws(AWSError) in try await ec2.images([], tag) }
        for image in images ?? [] {
            if await attempt({ () throws(AWSError) in try await removal.remove([image]) }) != nil {
                removed.append(image.id)
            } else {
                used.formUnion(image.snapshotIDs)
            }
        }
        await removeSnapshots(except: used)
    }

    /// Snapshots of images that were deregistered before.
    private mutating func removeSnapshots(except used: Set<String>) async {
        let (session, ec2) = (session, ec2)
        let tagged = await attempt { () throws(AWSError) in
            try await ec2.taggedResources([
                EC2Filter("key", SandboxTag.sessionKey), EC2Filter("value", session.id.text),
            ])
        }
        for resource in tagged ?? [] where resource.kind == .snapshot && !used.contains(resource.id) {
            _ = await attempt { () throws(AWSError) in try await ec2.deleteSnapshot(resource.id) }
        }
    }

    private mutating func attempt<Value: Sendable>(_ action: () async throws(AWSError) -> Value) async -> Value? {
        // With these credentials every further request would be refused too.
        guard !isFinal else { return nil }
        do throws(AWSError) {
            return try await action()
        } catch {
            faults.append(error)
            return nil
        }
    }
}

extension AWSError {
    /// Whether the credentials are of no use for any action, and will not be later.
    fileprivate var endsCredentials: Bool { kind == .credentialsRefused || kind == .credentialsExpired }
}
