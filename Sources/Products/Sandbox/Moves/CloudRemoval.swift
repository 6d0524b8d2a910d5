import AWS
import Modules

/// Removes from AWS what a session has made. Every method can be repeated.
struct CloudRemoval: Sendable {
    let ec2: EC2

    /// The state of an instance that was replaced.
    enum Restart: Sendable {
        /// It runs, or was started.
        case running
        /// It cannot be started yet.
        case stopping
        /// It was terminated, or AWS does not know it.
        case gone
    }

    /// Starts an instance that was stopped.
    func restart(_ id: String) async throws(AWSError) -> Restart {
        guard let instance = try await ec2.instances([], [EC2Filter("instance-id", id)]).first else { return .gone }
        switch instance.state {
        case .running, .pending, .unknown: return .running
        case .stopping: return .stopping
        case .shuttingDown, .terminated: return .gone
        case .stopped:
            _ = try await ec2.start([id])
            return .running
        }
    }

    func terminate(_ instances: [EC2Instance]) async throws(AWSError) {
        let running = instances.filter { !$0.isGone }.map(\.id)
        if !running.isEmpty { _ = try await ec2.terminate(running) }
    }

    /// Deregisters images, and deletes their snapshots.
    func remove(_ images: [EC2Image]) async throws(AWSError) {
        for image in images {
            _ = try await ec2.deregisterImage(image.id)
            for snapshot in image.snapshotIDs { _ = try await ec2.deleteSnapshot(snapshot) }
        }
    }
}

extension EC2Instance {
    /// Whether it was terminated. AWS lists it for about an hour longer.
    var isGone: Bool { state == .terminated || state == .shuttingDown }
}
