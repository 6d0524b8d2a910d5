import Entitlements
import Identity
import Modules

extension TrainingModule {
    /// What runs leave behind: figures, pictures, arrays, scalers and models.
    var resultRoutes: [Route] {
        let missing: [Problem.Kind] = [.sessionNotFound, .resultsNotFound]
        return [
            .get(
                "training/results-summary/{session}", "What a session has",
                requires: identity.member.allowing(.training), .path("session"), problems: missing
            ) {
                try await results.summary(scope: $0, session: $1)
            },
            .get(
                "training/results/{session}", "The latest training result",
                requires: identity.member.allowing(.training), .path("session"), problems: missing
            ) {
                try await results.latest(scope: $0, session: $1)
            }.alias("training/get-training-results/{session}"),
            .get(
                "training/evaluation-tables/{session}", "The metrics of the latest model",
                requires: identity.member.allowing(.training), .path("session"),
                problems: missing
            ) {
                try await results.evaluation(scope: $0, session: $1)
            },
            .get(
                "training/plot-variables/{session}", "The columns of the datasets",
                requires: identity.member.allowing(.training), .path("session"),
                problems: missing
            ) {
                try await results.variables(scope: $0, session: $1)
            },
            .get(
                "training/visualizations/{session}", "The pictures", requires: identity.member.allowing(.training),
                .path("session"), problems: missing
            ) {
                try await results.visualizations(scope: $0, session: $1)
            },
            .post(
                "training/generate-plot", "Draw forecasts against the truth",
                requires: identity.member.allowing(.training),
                problems: missing + [.modelNotFound]
            ) {
                (request: GeneratePlot, scope) in try await results.plot(request, scope: scope)
            },
            .get(
                "training/download-arrays/{session}",
                "An array of the datasets as a NumPy file",
                requires: identity.member.allowing(.training), .path("session"),
                .query("name", oneOf: ResultService.arrays),
                problems: missing
            ) { try await results.array(scope: $0, session: $1, name: $2) },
            .get(
                "training/scalers/{session}", "How the datasets are scaled",
                requires: identity.member.allowing(.training), .path("session"), problems: missing
            ) {
                try await results.scalers(scope: $0, session: $1)
            },
            .get(
                "training/scalers/{session}/download", "The scalers as a JSON file",
                requires: identity.member.allowing(.training), .path("session"),
                problems: missing
            ) {
                try await results.scalerFile(scope: $0, session: $1)
            },
            .post(
                "training/scale-data/{session}", "Scale rows of inputs", requires: identity.member.allowing(.training),
                .path("session"), problems: missing
            ) {
                (request: ScaleData, scope, session) in try await results.scale(request, scope: scope, session: session)
            },
            .get(
                "training/list-models-database/{session}", "The trained models, latest first",
                requires: identity.member.allowing(.training), .path("session"),
                problems: [.sessionNotFound]
            ) {
                try await results.models(scope: $0, session: $1)
            },
            .get(
                "training/download-model-h5/{session}",
                "A trained model in the safetensors format",
                requires: identity.member.allowing(.training), .path("session"), .query("filename", upTo: 255),
                problems: [.sessionNotFound, .modelNotFound]
            ) { try await results.model(scope: $0, session: $1, fileName: $2) },
            .post(
                "training/predict/{session}",
                "Forecast from rows of inputs",
                requires: identity.member.allowing(.training), entitlements.subscription,
                entitlements.feature(.training), .path("session"),
                problems: missing + [.modelNotFound]
            ) { (request: Predict, scope, _, _, session) in
                try await results.predict(request, scope: scope, session: session)
            },
        ]
    }
}
