import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;

/** Posts two events with Java's own client as it is by default, which offers HTTP/2 on the first request. */
public class Upgrading {
    public static void main(String[] given) throws Exception {
        HttpClient client = HttpClient.newHttpClient();
        for (String who : new String[] {"ann", "bob"}) {
            String event = "{\"room\": \"java\", \"kind\": \"join\", \"participant_id\": \"" + who + "\"}";
            HttpRequest request = HttpRequest.newBuilder(URI.create(given[0] + "/v1/events"))
                .header("Authorization", "Bearer " + given[1])
                .header("Content-Type", "application/json")
                .POST(HttpRequest.BodyPublishers.ofString(event))
                .build();
            HttpResponse<String> answer = client.send(request, HttpResponse.BodyHandlers.ofString());
            System.out.println(answer.statusCode() + " " + answer.body());
        }
    }
}
