// The AWS SDK for Java v2, driven line by line: each line of the input is {"operation": …, "input": {…}}, each line of the output the answer's members, or
// {"error": type, "message": …}. Requests are built and answers read through the SDK's own description of its classes, so every operation it has can be called.
// Usage: KinesisLines ENDPOINT (http1|http2) [CA.pem]; credentials come from the environment, CBOR is the SDK's default.
package sluice;

import java.io.BufferedReader;
import java.io.FileInputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;
import software.amazon.awssdk.awscore.exception.AwsServiceException;
import software.amazon.awssdk.core.SdkPojo;
import software.amazon.awssdk.http.apache.ApacheHttpClient;
import software.amazon.awssdk.http.nio.netty.NettyNioAsyncHttpClient;
import software.amazon.awssdk.protocols.jsoncore.JsonNode;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.awssdk.services.kinesis.KinesisClient;
import software.amazon.awssdk.services.kinesis.model.KinesisRequest;
import software.amazon.awssdk.services.kinesis.model.SubscribeToShardEvent;
import software.amazon.awssdk.services.kinesis.model.SubscribeToShardRequest;
import software.amazon.awssdk.services.kinesis.model.SubscribeToShardResponseHandler;

public final class KinesisLines {
  private interface Caller {
    SdkPojo call(String operation, KinesisRequest request) throws Exception;
  }

  public static void main(String[] args) throws Exception {
    URI endpoint = URI.create(args[0]);
    TrustManager[] trusted = args.length > 2 ? trusting(args[2]) : null;
    Caller caller = args[1].equals("http2") ? overHttp2(endpoint, trusted) : overHttp1(endpoint, trusted);
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    for (String line = in.readLine(); line != null; line = in.readLine()) out.println(answer(caller, JsonNode.parser().parse(line)));
    System.exit(0);
  }

  private static String answer(Caller caller, JsonNode asked) {
    String operation = asked.field("operation").get().text();
    try {
      return Pojos.toJson(caller.call(operation, request(operation, asked.field("input").get())));
    } catch (ClassNotFoundException unknown) {
      return Pojos.toJson(Map.of("error", "UnknownToTheSdk", "message", operation));
    } catch (Throwable thrown) {
      Throwable error = thrown;
      while ((error instanceof CompletionException || error instanceof java.lang.reflect.InvocationTargetException) && error.getCause() != null) error = error.getCause();
      String type = error instanceof AwsServiceException service ? service.awsErrorDetails().errorCode() : error.getClass().getName();
      String message = error instanceof AwsServiceException service ? service.awsErrorDetails().errorMessage() : String.valueOf(error.getMessage());
      return Pojos.toJson(Map.of("error", String.valueOf(type), "message", String.valueOf(message)));
    }
  }

  private static KinesisRequest request(String operation, JsonNode input) throws Exception {
    Object builder = Class.forName("software.amazon.awssdk.services.kinesis.model." + operation + "Request").getMethod("builder").invoke(null);
    Pojos.fill((SdkPojo) builder, input);
    return ((KinesisRequest.Builder) builder).build();
  }

  private static Caller overHttp1(URI endpoint, TrustManager[] trusted) {
    ApacheHttpClient.Builder http = ApacheHttpClient.builder();
    if (trusted != null) http.tlsTrustManagersProvider(() -> trusted);
    KinesisClient client = KinesisClient.builder().endpointOverride(endpoint).region(Region.US_EAST_1).httpClientBuilder(http).build();
    return (operation, request) -> (SdkPojo) KinesisClient.class.getMethod(methodOf(operation), request.getClass()).invoke(client, request);
  }

  /** As the KCL makes it, but for the endpoint: HTTP/2 is what the service's own defaults choose. */
  private static Caller overHttp2(URI endpoint, TrustManager[] trusted) {
    NettyNioAsyncHttpClient.Builder http = NettyNioAsyncHttpClient.builder();
    if (trusted != null) http.tlsTrustManagersProvider(() -> trusted);
    KinesisAsyncClient client = KinesisAsyncClient.builder().endpointOverride(endpoint).region(Region.US_EAST_1).httpClientBuilder(http).build();
    return (operation, request) -> {
      if (request instanceof SubscribeToShardRequest subscribe) return firstEvent(client, subscribe);
      CompletableFuture<?> answer = (CompletableFuture<?>) KinesisAsyncClient.class.getMethod(methodOf(operation), request.getClass()).invoke(client, request);
      return (SdkPojo) answer.join();
    };
  }

  /** The first event that brings records. */
  private static SdkPojo firstEvent(KinesisAsyncClient client, SubscribeToShardRequest request) {
    CompletableFuture<SdkPojo> first = new CompletableFuture<>();
    SubscribeToShardResponseHandler handler = SubscribeToShardResponseHandler.builder()
        .onError(first::completeExceptionally)
        .subscriber(event -> {
          if (event instanceof SubscribeToShardEvent some && !some.records().isEmpty()) first.complete(some);
        })
        .build();
    CompletableFuture<Void> subscription = client.subscribeToShard(request, handler);
    SdkPojo event = first.join();
    subscription.cancel(true);
    return event;
  }

  private static String methodOf(String operation) {
    return Character.toLowerCase(operation.charAt(0)) + operation.substring(1);
  }

  private static TrustManager[] trusting(String path) throws Exception {
    KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
    store.load(null, null);
    try (FileInputStream pem = new FileInputStream(path)) {
      store.setCertificateEntry("ca", CertificateFactory.getInstance("X.509").generateCertificate(pem));
    }
    TrustManagerFactory factory = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    factory.init(store);
    return factory.getTrustManagers();
  }
}
