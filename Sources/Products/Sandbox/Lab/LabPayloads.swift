import Modules

struct AssignModel: Payload {
    var instanceId: String
    var modelId: String

    static let rules: [String: Rule] = ["instance_id": .length(1...32), "model_id": .length(1...64)]
}

struct ModelAssigned: Payload {
    var status = "updated"
    var mode = "Lab Experiment Active"
    var instanceId: String
    var modelId: ID<LabModel>
}

/// A change of an instance's configuration, in the body or in the query; what is absent stays.
struct ChangeLabInstance: OptionalBody {
    var pipelineMode: LabInstance.PipelineMode?
    var enableBinPacking: Bool?
    var enableRightSizing: Bool?
    var enableFamilyStress: Bool?

    /// Adds the parameters of the query, which were validated. The body wins.
    mutating func add(mode: String?, _ binPacking: String?, _ rightSizing: String?, _ familyStress: String?) {
        pipelineMode = pipelineMode ?? mode.flatMap(LabInstance.PipelineMode.init)
        enableBinPacking = enableBinPacking ?? binPacking.map { $0 == "true" }
        enableRightSizing = enableRightSizing ?? rightSizing.map { $0 == "true" }
        enableFamilyStress = enableFamilyStress ?? familyStress.map { $0 == "true" }
    }
}

struct LabModelView: Payload {
    var id: ID<LabModel>
    var name: String
    var version: String
    var description: String
    var isExperimental: Bool
    var isActive: Bool
    var createdAt: Instant

    init(_ model: LabModel) {
        id = model.id
        name = model.name
        version = model.version
        description = model.description
        isExperimental = model.isExperimental
        isActive = model.isActive
        createdAt = model.createdAt
    }
}

struct LabInstanceView: Payload {
    var instanceId: String
    var pipelineMode: LabInstance.PipelineMode
    var assignedModelId: ID<LabModel>?
    var assignedModelVersion: String?
    var enableBinPacking: Bool
    var enableRightSizing: Bool
    var enableFamilyStress: Bool
    var awsRegion: String

    init(_ instance: LabInstance) {
        instanceId = instance.id
        pipelineMode = instance.mode
        assignedModelId = instance.model
        assignedModelVersion = instance.modelVersion
        enableBinPacking = instance.binPacking
        enableRightSizing = instance.rightSizing
        enableFamilyStress = instance.familyStress
        awsRegion = instance.region
    }

    /// Every member is always present: the model is null where none is assigned.
    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(instanceId, forKey: .instanceId)
        try container.encode(pipelineMode, forKey: .pipelineMode)
        try container.encode(assignedModelId, forKey: .assignedModelId)
        try container.encode(assignedModelVersion, forKey: .assignedModelVersion)
        try container.encode(enableBinPacking, forKey: .enableBinPacking)
        try container.encode(enableRightSizing, forKey: .enableRightSizing)
        try container.encode(enableFamilyStress, forKey: .enableFamilyStress)
        try container.encode(awsRegion, forKey: .awsRegion)
    }
}

struct LabInstanceChanged: Payload {
    var status = "updated"
    var config: LabInstanceView
}

/// The stages of an instance's pipeline.
struct PipelineStatus: Payload {
    var instanceId: String
    var pipelineMode: LabInstance.PipelineMode
    var scraper: PipelineStage
    var safeFilter: PipelineStage
    var binPacking: PipelineStage
    var rightSizing: PipelineStage
    var mlInference: InferenceStage
    var execution: PipelineStage

    init(_ instance: LabInstance) {
        let isLinear = instance.mode == .singleLinear
        instanceId = instance.id
        pipelineMode = instance.mode
        scraper = .active(isLinear ? "Spot prices of the type in each zone" : "Spot prices of every pool that fits")
        safeFilter = .active("Pools that are interrupted too often are dropped")
        binPacking = .optional(
            instance.binPacking && !isLinear, "The cost of unused processors counts", isLinear: isLinear)
        rightSizing = .optional(
            instance.rightSizing && !isLinear, "Up to twice the processors are accepted", isLinear: isLinear)
        let version = instance.modelVersion ?? LabModel.productionVersion
        mlInference = InferenceStage(
            status: .active, description: "Risk by FamilyStressPredictor \(version)",
            modelId: instance.model ?? LabModel.production)
        execution = .active(isLinear ? "Atomic switch" : "Kubernetes drain")
    }
}

enum StageStatus: String, Codable, Sendable, CaseIterable {
    case active
    case disabled
}

struct PipelineStage: Payload {
    var status: StageStatus
    var description: String

    static func active(_ description: String) -> Self { Self(status: .active, description: description) }

    static func optional(_ isActive: Bool, _ description: String, isLinear: Bool) -> Self {
        if isActive { return .active(description) }
        return Self(status: .disabled, description: isLinear ? "bypassed" : "disabled by the configuration")
    }
}

struct InferenceStage: Payload {
    var status: StageStatus
    var description: String
    var modelId: ID<LabModel>
}
