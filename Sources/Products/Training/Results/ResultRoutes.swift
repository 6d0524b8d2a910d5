import Entitlements
import Identity
import Modules

/// The endpoints of results: metrics, plots, arrays, scalers, models and forecasts.
struct ResultRoutes: Sendable {
    let results: ResultService
    let forecasts: ForecastService
    let member: Member
    let entitlements: EntitlementsModule

    var routes: [Route] {
        let missing: [Problem.Kind] = [.sessionNotFound, .resultsNotFound]
        return [
            .get(
                "training/results-summary/{session}", "Get a summary of the results of a session",
                requires: member.allowing(.training), .path("session"), problems: missing
            ) {
                try await results.summary(scope: $0, session: $1)
            },
            .get(
                "training/results/{session}", "Get the result of a training, of the latest or of a model",
                requires: member.allowing(.training), .path("session"), .query("model", upTo: 255),
                problems: missing + [.modelNotFound]
            ) {
                try await results.result(scope: $0, session: $1, model: $2)
            }.alias("training/get-training-results/{session}"),
            .get(
                "training/evaluation-tables/{session}", "Get the metrics of the latest model, or of another",
                requires: member.allowing(.training), .path("session"), .query("model", upTo: 255),
                problems: missing + [.modelNotFound]
            ) {
                try await results.evaluation(scope: $0, session: $1, model: $2)
            },
            .get(
                "training/plot-variables/{session}", "List the columns of the datasets",
                requires: member.allowing(.training), .path("session"),
                problems: missing
            ) {
                try await results.variables(scope: $0, session: $1)
            },
            .get(
                "training/visualizations/{session}", "Get the plots of the latest datasets and model",
                requires: member.allowing(.training),
                .path("session"), problems: missing
            ) {
                try await results.visualizations(scope: $0, session: $1)
            },
            .post(
                "training/generate-plot", "Plot forecasts and measured values",
                requires: member.allowing(.training),
                problems: missing + [.modelNotFound]
            ) {
                (request: GeneratePlot, scope) in try await forecasts.plot(request, scope: scope)
            },
            .get(
                "training/download-arrays/{session}",
                "Download an array of the datasets as a NumPy file",
                requires: member.allowing(.training), .path("session"),
                .query("name", oneOf: ResultService.arrays), .query("model", upTo: 255),
                problems: missing + [.modelNotFound]
            ) { try await results.array(scope: $0, session: $1, name: $2, model: $3) },
            .get(
                "training/scalers/{session}", "Get the scalers of the datasets",
                requires: member.allowing(.training), .path("session"), problems: missing
            ) {
                try await results.scalers(scope: $0, session: $1)
            },
            .get(
                "training/scalers/{session}/download", "Download the scalers as a JSON file",
                requires: member.allowing(.training), .path("session"),
                problems: missing
            ) {
                try await results.scalerFile(scope: $0, session: $1)
            },
            .post(
                "training/scale-data/{session}", "Scale rows of inputs", requires: member.allowing(.training),
                .path("session"), problems: missing
            ) {
                (request: ScaleData, scope, session) in try await results.scale(request, scope: scope, session: session)
            },
            .get(
                "training/list-models-database/{session}", "List the trained models, latest first",
                requires: member.allowing(.training), .path("session"),
                problems: [.sessionNotFound]
            ) {
                try await results.models(scope: $0, session: $1)
            },
            .get(
                "training/download-model-h5/{session}",
                "Download a trained model in the safetensors format",
                requires: member.allowing(.training), .path("session"), .query("filename", upTo: 255),
                problems: [.sessionNotFound, .modelNotFound]
            ) { try await results.model(scope: $0, session: $1, fileName: $2) },
            .post(
                "training/predict/{session}",
                "Predict from rows of inputs",
                requires: member.allowing(.training), entitlements.subscription,
                entitlements.feature(.training), .path("session"),
                problems: missing + [.modelNotFound]
            ) { (request: Predict, scope, _, _, session) in
                try await forecasts.predict(request, scope: scope, session: session)
            }.asTool("predict"),
        ]
    }
}
