import Identity
import Modules

/// The SQL of models and of the configurations of instances.
extension Transaction {
    func labModels() throws -> [LabModel] {
        try all(Self.selectLabModel + "ORDER BY name, version", LabModel.init)
    }

    /// - Throws: `lab-model-not-found`.
    func labModel(_ id: String) throws -> LabModel {
        let model = try first(Self.selectLabModel + "WHERE id = \(id) AND is_active = 1", LabModel.init)
        guard let model else { throw Problem(.labModelNotFound) }
        return model
    }

    func labInstance(_ id: String, of organisation: ID<Organisation>) throws -> LabInstance? {
        try first(
            """
            SELECT lab_instances.organisation_id, instance_id, pipeline_mode, model_id, version, enable_bin_packing,
                enable_right_sizing, enable_family_stress, aws_region
            FROM lab_instances LEFT JOIN lab_models ON lab_models.id = model_id
            WHERE lab_instances.organisation_id = \(organisation) AND instance_id = \(id)
            """, LabInstance.init)
    }

    /// Inserts the configuration of a cluster unless the instance has one.
    /// - Throws: `conflict` where the organisation has as many as it may have.
    func ensureLabInstance(_ id: String, region: String, of organisation: ID<Organisation>) throws {
        guard try labInstance(id, of: organisation) == nil else { return }
        guard try countLabInstances(of: organisation) < LabInstance.maximumPerOrganisation else {
            throw Problem(.conflict, detail: "An organisation has at most 10,000 configurations.")
        }
        try execute(
            """
            INSERT INTO lab_instances (organisation_id, instance_id, pipeline_mode, enable_bin_packing,
                enable_right_sizing, enable_family_stress, aws_region, created_at, updated_at)
            VALUES (\(organisation), \(id), 'CLUSTER_FULL', 1, 1, 1, \(region), \(now), \(now))
            ON CONFLICT (organisation_id, instance_id) DO NOTHING
            """
        )
    }

    func update(_ instance: LabInstance) throws {
        try execute(
            """
            UPDATE lab_instances SET pipeline_mode = \(instance.mode), model_id = \(instance.model),
                enable_bin_packing = \(instance.binPacking), enable_right_sizing = \(instance.rightSizing),
                enable_family_stress = \(instance.familyStress), updated_at = \(now)
            WHERE organisation_id = \(instance.organisation) AND instance_id = \(instance.id)
            """
        )
    }

    func countLabInstances(of organisation: ID<Organisation>) throws -> Int64 {
        try count("SELECT COUNT(*) AS count FROM lab_instances WHERE organisation_id = \(organisation)")
    }

    private static var selectLabModel: SQL {
        "SELECT id, name, version, description, is_experimental, is_active, created_at FROM lab_models "
    }
}
