import Identity
import Modules

/// The endpoints of the lab.
struct LabRoutes: Sendable {
    let lab: LabService
    let experiments: ExperimentService
    let member: Member
    /// Data scientists and administrators.
    let scientist: RoleRequirement
    let administrator: RoleRequirement

    var routes: [Route] { configuration + logs }

    private var configuration: [Route] {
        [
            .get("lab/models", "List the risk models", requires: member.allowing(.sandbox)) { [lab] _ in
                try await lab.models()
            },
            .post(
                "lab/assign-model", "Begin an experiment: assign a model to an instance", requires: scientist,
                problems: [.instanceNotFound, .labModelNotFound]
            ) { [lab] (request: AssignModel, scope) in try await lab.assign(request, scope: scope) },
            .get(
                "lab/pipeline-status/{instance_id}", "Get the stages of an instance's pipeline",
                requires: member.allowing(.sandbox), .path("instance_id"), problems: [.instanceNotFound]
            ) { [lab] scope, instance in try await lab.pipeline(of: instance, scope: scope) },
            .get(
                "lab/config/{instance_id}", "Get the configuration of an instance",
                requires: member.allowing(.sandbox), .path("instance_id"), problems: [.instanceNotFound]
            ) { [lab] scope, instance in try await lab.configuration(of: instance, scope: scope) },
            .put(
                "lab/config/{instance_id}", "Change the configuration of an instance", requires: scientist,
                .path("instance_id"),
                .query("pipeline_mode", oneOf: LabInstance.PipelineMode.allCases.map(\.rawValue)),
                .query("enable_bin_packing", oneOf: ["true", "false"]),
                .query("enable_right_sizing", oneOf: ["true", "false"]),
                .query("enable_family_stress", oneOf: ["true", "false"]),
                problems: [.conflict]
            ) { [lab] (body: ChangeLabInstance, scope, instance, mode, binPacking, rightSizing, familyStress) in
                var change = body
                change.add(mode: mode, binPacking, rightSizing, familyStress)
                return try await lab.change(instance, change, scope: scope)
            },
        ]
    }

    private var logs: [Route] {
        [
            .get(
                "lab/experiments/{instance_id}", "List the runs of an instance's experiments, the newest first",
                requires: member.allowing(.sandbox), .path("instance_id"), .query("limit", 1...500, default: 50),
                problems: [.instanceNotFound]
            ) { [experiments] scope, instance, limit in
                try await experiments.list(of: instance, limit: limit, scope: scope)
            },
            .get(
                "lab/experiments/model/{model_id}", "Compare: the totals of a model's experiments",
                requires: member.allowing(.sandbox), .path("model_id"), problems: [.labModelNotFound]
            ) { [experiments] scope, model in try await experiments.totals(of: model, scope: scope) },
            .get(
                "lab/archives", "List the archives of old experiments, the newest first", requires: administrator,
                .query("limit", 1...500, default: 50)
            ) { [experiments] _, limit in try await experiments.archives(limit: limit) },
            .get(
                "lab/archives/{id}", "Download an archive: one JSON object a line", requires: administrator,
                .path("id", of: ExperimentArchive.self), problems: [.archiveNotFound]
            ) { [experiments] _, id in try await experiments.download(id) },
        ]
    }
}
