import Audit
import Identity
import Modules

/// Reads models and configurations, and changes those of instances.
final class LabService: Sendable {
    private let database: any Database
    private let audit: AuditService

    init(database: any Database, audit: AuditService) {
        self.database = database
        self.audit = audit
    }

    func models() async throws(Problem) -> [LabModelView] {
        try await database.read { try $0.labModels().map(LabModelView.init) }
    }

    func pipeline(of instance: String, scope: Scope) async throws(Problem) -> PipelineStatus {
        try await database.read { PipelineStatus(try $0.requireLabInstance(instance, in: scope)) }
    }

    func configuration(of instance: String, scope: Scope) async throws(Problem) -> LabInstanceView {
        try await database.read { LabInstanceView(try $0.requireLabInstance(instance, in: scope)) }
    }

    /// Begins an experiment: the linear pipeline with a model, without bin packing and right sizing.
    func assign(_ request: AssignModel, scope: Scope) async throws(Problem) -> ModelAssigned {
        try await database.write { [audit] transaction in
            let model = try transaction.labModel(request.modelId)
            var instance = try transaction.requireLabInstance(request.instanceId, in: scope)
            instance.mode = .singleLinear
            instance.model = model.id
            instance.binPacking = false
            instance.rightSizing = false
            try transaction.update(instance)
            try audit.record(
                AuditEvent(
                    "lab-model.assigned", by: scope, subject: instance.id,
                    details: ["model": "\(model.name) \(model.version)"]),
                in: transaction)
            return ModelAssigned(instanceId: instance.id, modelId: model.id)
        }
    }

    /// Changes what is given; an instance without a configuration gets one.
    func change(_ id: String, _ change: ChangeLabInstance, scope: Scope) async throws(Problem)
        -> LabInstanceChanged
    {
        guard SandboxTarget.isInstanceID(id) else {
            throw Problem.invalid("/path/instance_id", "must be the id of an instance, such as i-0123456789abcdef0")
        }
        return try await database.write { [audit] transaction in
            try transaction.ensureLabInstance(id, region: SandboxTarget.defaultRegion, of: scope.organisation)
            var instance = try transaction.requireLabInstance(id, in: scope)
            instance.mode = change.pipelineMode ?? instance.mode
            // The linear pipeline has neither stage.
            let isLinear = instance.mode == .singleLinear
            instance.binPacking = !isLinear && (change.enableBinPacking ?? instance.binPacking)
            instance.rightSizing = !isLinear && (change.enableRightSizing ?? instance.rightSizing)
            instance.familyStress = change.enableFamilyStress ?? instance.familyStress
            try transaction.update(instance)
            try audit.record(AuditEvent("lab-instance.changed", by: scope, subject: id), in: transaction)
            return LabInstanceChanged(config: LabInstanceView(instance))
        }
    }
}

extension Transaction {
    /// - Throws: `instance-not-found`.
    fileprivate func requireLabInstance(_ id: String, in scope: Scope) throws -> LabInstance {
        guard let instance = try labInstance(id, of: scope.organisation) else { throw Problem(.instanceNotFound) }
        return instance
    }
}
