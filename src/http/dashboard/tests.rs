use std::path::PathBuf;

use super::*;

async fn body(files: &Files, path: &str) -> Option<String> {
    let file = files.find(path, vec![Encoding::Identity]).await?;
    Some(String::from_utf8_lossy(&file.bytes).into_owned())
}

#[tokio::test]
async fn files_of_a_folder_replace_the_built_ones_and_nothing_beside_it_is_served() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("ui");
    std::fs::create_dir_all(folder.join("assets")).unwrap();
    std::fs::write(folder.join("index.html"), "mine").unwrap();
    std::fs::write(folder.join("assets/a.js"), "script").unwrap();
    std::fs::write(folder.join("assets/a.js.br"), "packed").unwrap();
    std::fs::write(scratch.path().join("secret"), "secret").unwrap();
    let files = Files::of(Some(&folder)).unwrap();
    let none = Files::of(Some(scratch.path())).unwrap_err().to_string();
    assert!(
        none.contains("index.html") && none.contains("http.ui_dir"),
        "{none}"
    );
    assert_eq!(body(&files, "index.html").await.unwrap(), "mine");
    let best = vec![Encoding::Brotli, Encoding::Identity];
    let packed = files.find("assets/a.js", best).await.unwrap();
    assert_eq!(&packed.bytes[..], b"packed");
    assert_eq!(packed.encoding, Encoding::Brotli);
    for path in ["../secret", "/etc/hostname", "assets/a.js.br", "assets", ""] {
        assert_eq!(body(&files, path).await, None, "{path}");
    }
}

#[tokio::test]
async fn every_file_that_the_built_page_names_is_built() {
    let page = body(&Files::Built, "index.html").await.unwrap();
    let names: Vec<&str> = page
        .split(['"', ' '])
        .filter(|text| text.starts_with('/') && text.contains('.'))
        .collect();
    assert!(names.len() >= 3, "{page}");
    for name in names {
        let path = name.trim_start_matches('/');
        let file = Files::Built.find(path, vec![Encoding::Identity]).await;
        assert!(file.is_some(), "{name}");
        assert_ne!(media_type(path), media_type("x"), "{name}");
    }
}

#[test]
fn each_text_of_the_build_is_compressed_as_well() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("web/dist/assets");
    let mut texts = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.to_str().unwrap();
        let length = std::fs::metadata(&path).unwrap().len();
        if length > 1024 && (name.ends_with(".js") || name.ends_with(".css")) {
            texts += 1;
            for ending in [".br", ".gz"] {
                let packed = PathBuf::from(format!("{name}{ending}"));
                assert!(packed.exists(), "{}", packed.display());
            }
        }
    }
    assert!(texts > 0);
}
