import Identity
import Modules

/// How decisions about an instance are made.
struct LabInstance: Sendable {
    enum PipelineMode: String, Sendable, Codable, CaseIterable, SQLBindable, SQLReadable {
        case clusterFull = "CLUSTER_FULL"
        /// The linear pipeline of an experiment.
        case singleLinear = "SINGLE_LINEAR"
    }

    /// Of AWS, such as `i-0123456789abcdef0`.
    let id: String
    let organisation: ID<Organisation>
    var mode: PipelineMode
    /// Nil for the model in production.
    var model: ID<LabModel>?
    let modelVersion: String?
    var binPacking: Bool
    var rightSizing: Bool
    var familyStress: Bool
    let region: String

    /// Of an organisation.
    static let maximumPerOrganisation: Int64 = 10_000

    init(row: Row) throws {
        id = try row["instance_id"]
        organisation = try row["organisation_id"]
        mode = try row["pipeline_mode"]
        model = try row["model_id"]
        modelVersion = try row["version"]
        binPacking = try row["enable_bin_packing"]
        rightSizing = try row["enable_right_sizing"]
        familyStress = try row["enable_family_stress"]
        region = try row["aws_region"]
    }
}
